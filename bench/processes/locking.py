"""The lock that lets one run at a time write a journal."""

from __future__ import annotations

import errno
from pathlib import Path

from filelock import FileLock

#: How a file system says that it has no locks.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL)


def lock(path: Path) -> FileLock:
    """Lock ``path``, by a file beside it with ``.lock`` behind its name. That file may stay for ever.

    The operating system takes the lock from a process that ends, however it ends. Where the file system has
    no locks, no other run can be seen, and what is returned is not locked.

    Raises ``filelock.Timeout`` where another has the lock, ``OSError`` where its file cannot be made.
    """
    # A soft lock, which filelock would fall back to, stays locked when its process is killed.
    made = FileLock(path.with_name(f"{path.name}.lock"), fallback_to_soft=False)
    try:
        made.acquire(blocking=False)
    except OSError as error:  # Timeout is one, too
        if error.errno not in _NO_LOCKS:
            raise
    return made
