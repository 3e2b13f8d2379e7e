"""XLA's optimized program, as text -> what each of its instructions is.

The trace of a compiled function names instructions of this program and nothing else. Only those of
the program's entry computation are named there; what they call is inside them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

_COMPUTATION = re.compile(r"^(ENTRY )?%?([\w.\-]+) \(.*\{\s*$")
_INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%?([\w.\-]+) = (.+?) ([\w\-]+)\((.*)$")
_CALLED = re.compile(r"(?:calls|to_apply|body|condition)=%?([\w.\-]+)")
_OPERAND = re.compile(r"%([\w.\-]+)")
_OP_TYPE = re.compile(r'op_type="([^"]*)"')
_OP_NAME = re.compile(r'op_name="([^"]*)"')
_SHAPE = re.compile(r"^\w+\[([\d,]*)\]")
_WINDOW = re.compile(r"window=\{size=([\dx]+)")
_GROUPS = re.compile(r"feature_group_count=(\d+)")
_TARGET = re.compile(r'custom_call_target="([^"]*)"')
#: How the target of a library's call begins, as on GPUs -> the opcode that it stands for.
_LIBRARY_CALLS = {"__cudnn$conv": "convolution", "__cublas": "dot"}
#: Opcodes that compute the multiplications of a convolution.
_MULTIPLIES = frozenset({"convolution", "dot"})
#: The least part of the traced instructions that the right program has. Those of a function that it calls
#: may be missing.
_NEARLY_ALL = 0.9
#: Opcodes that only move data.
_MOVES = frozenset({"transpose", "copy", "bitcast", "reshape", "reverse", "parameter", "tuple"})


@dataclass(frozen=True)
class Instruction:
    """One line of the program."""

    name: str
    opcode: str
    operands: tuple[str, ...]
    #: The computations that it calls.
    calls: tuple[str, ...]
    #: TensorFlow's type of operation that it is from; empty where XLA did not keep it.
    op_type: str
    #: The path of scopes or, with JAX, of transformations and functions that it is from; may be empty too.
    op_name: str
    #: Groups of a grouped convolution; 1 for any other.
    groups: int
    #: Of the result; empty for a tuple.
    shape: tuple[int, ...]
    #: Of a convolution; empty for any other.
    window: tuple[int, ...]


@dataclass(frozen=True)
class Program:
    """One compiled module: its entry computation, and all computations by name.

    Methods are given the name of an instruction of the entry computation.
    """

    entry: dict[str, Instruction]
    computations: dict[str, dict[str, Instruction]] = field(repr=False)

    def find_opcodes(self, name: str) -> set[str]:
        """The opcodes of an instruction and of all that it calls."""
        return {instruction.opcode for instruction in self._walk_calls(self.entry[name])}

    def multiplies(self, name: str) -> bool:
        """Whether an instruction holds a convolution or a matrix product."""
        return not _MULTIPLIES.isdisjoint(self.find_opcodes(name))

    def only_moves(self, name: str) -> bool:
        """Whether an instruction transposes and copies, and does nothing else."""
        return self.find_opcodes(name) - {"fusion"} <= _MOVES

    def masks(self, name: str) -> bool:
        """Whether an instruction keeps a diagonal and sets the rest to zero."""
        return {"iota", "compare", "select"} <= self.find_opcodes(name)

    def find_multiplication(self, name: str) -> Instruction | None:
        """The first convolution or matrix product that an instruction is or calls."""
        for instruction in self._walk_calls(self.entry[name]):
            if instruction.opcode in _MULTIPLIES:
                return instruction
        return None

    def find_op_type(self, name: str) -> str:
        """TensorFlow's type of operation behind an instruction; empty where nothing near it says one.

        XLA drops it from some instructions, such as the convolution of the depthwise weight gradient.
        Then it is that of the nearest instruction that uses the result, else that of the nearest operand.
        """
        return self._find_metadata(name, _get_op_type)

    def find_op_name(self, name: str) -> str:
        """The path behind an instruction, found like :meth:`find_op_type`."""
        return self._find_metadata(name, _get_op_name)

    def _find_metadata(self, name: str, get: Callable[[Instruction], str]) -> str:
        own = self._find_own_metadata(name, get)
        if own:
            return own
        of_user = self._find_nearest_metadata(name, self._users, get)
        return of_user or self._find_nearest_metadata(name, self._operands, get)

    def _find_own_metadata(self, name: str, get: Callable[[Instruction], str]) -> str:
        """The first metadata of an instruction or of what it calls; empty where they have none."""
        for instruction in self._walk_calls(self.entry[name]):
            if get(instruction):
                return get(instruction)
        return ""

    def _find_nearest_metadata(
        self, name: str, neighbours: Mapping[str, Collection[str]], get: Callable[[Instruction], str]
    ) -> str:
        """The metadata of the instruction that is the fewest steps along ``neighbours`` away."""
        seen, row = {name}, [name]
        while row:
            further = [other for each in row for other in neighbours.get(each, ()) if other not in seen]
            row = [other for other in dict.fromkeys(further) if other in self.entry]
            seen.update(row)
            for other in row:
                found = self._find_own_metadata(other, get)
                if found:
                    return found
        return ""

    @cached_property
    def _operands(self) -> dict[str, tuple[str, ...]]:
        """Entry instruction -> what it reads."""
        return {name: instruction.operands for name, instruction in self.entry.items()}

    @cached_property
    def _users(self) -> dict[str, list[str]]:
        """Entry instruction -> those that read its result."""
        users: dict[str, list[str]] = {}
        for instruction in self.entry.values():
            for operand in instruction.operands:
                users.setdefault(operand, []).append(instruction.name)
        return users

    def _walk_calls(self, instruction: Instruction) -> Iterator[Instruction]:
        """The instruction and all that it calls; each computation once, whoever calls it."""
        yield instruction
        pending, seen = list(instruction.calls), set(instruction.calls)
        while pending:
            for inner in self.computations.get(pending.pop(), {}).values():
                yield inner
                pending += [called for called in inner.calls if called not in seen]
                seen.update(inner.calls)


def _get_op_type(instruction: Instruction) -> str:
    return instruction.op_type


def _get_op_name(instruction: Instruction) -> str:
    return instruction.op_name


def parse_programs(text: str) -> list[Program]:
    """The modules in ``text``, which is what ``--xla_dump_hlo_as_text`` writes; none in foreign text.

    Raises ``ValueError`` for a number of more digits than Python reads.
    """
    modules = [_parse_module(module) for module in re.split(r"^(?=HloModule )", text, flags=re.MULTILINE)]
    return [program for program in modules if program is not None]


def find_program(programs: Sequence[Program], names: Collection[str]) -> Program | None:
    """The program that has nearly all of the instructions called ``names``, as names recur in others."""
    wanted = set(names)
    found, most = None, 0
    for program in programs:
        count = len(program.entry.keys() & wanted)
        if count > most:
            found, most = program, count
    return found if most >= _NEARLY_ALL * len(wanted) else None


def _parse_module(module: str) -> Program | None:
    computations: dict[str, dict[str, Instruction]] = {}
    entry = current = None
    for line in module.splitlines():
        header = _COMPUTATION.match(line)
        if header:
            current = computations.setdefault(header[2], {})
            entry = current if header[1] else entry
            continue
        instruction = _parse_instruction(line)
        if instruction is not None and current is not None:
            current[instruction.name] = instruction
    return Program(entry=entry, computations=computations) if entry else None


def _parse_instruction(line: str) -> Instruction | None:
    match = _INSTRUCTION.match(line)
    if not match:
        return None
    name, result, opcode, rest = match.groups()
    target = _search(_TARGET, rest)
    for start, known in _LIBRARY_CALLS.items():
        if target.startswith(start):
            opcode = known
    return Instruction(
        name=name,
        opcode=opcode,
        operands=tuple(_OPERAND.findall(rest.split(")", 1)[0])),
        calls=tuple(_CALLED.findall(rest)),
        op_type=_search(_OP_TYPE, rest),
        op_name=_search(_OP_NAME, rest),
        groups=int(_search(_GROUPS, rest) or 1),
        shape=_read_sizes(_search(_SHAPE, result), ","),
        window=_read_sizes(_search(_WINDOW, rest), "x"),
    )


def _search(pattern: re.Pattern[str], text: str) -> str:
    """The pattern's group where it is in ``text``; else empty."""
    found = pattern.search(text)
    return found[1] if found else ""


def _read_sizes(text: str, separator: str) -> tuple[int, ...]:
    return tuple(int(size) for size in text.split(separator) if size)
