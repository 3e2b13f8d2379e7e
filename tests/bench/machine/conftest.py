import pytest


@pytest.fixture
def make_files(tmp_path):
    """Writes files below the folder that it returns, which stands for a machine's root."""

    def write(files):
        for name, content in files.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        return tmp_path

    return write
