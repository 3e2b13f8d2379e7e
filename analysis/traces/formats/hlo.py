"""XLA's optimized program, as text -> what each of its instructions is.

The trace of a compiled function names instructions of this program and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter

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
#: Calls of libraries, as on GPUs, by what they compute.
_LIBRARY_CALLS = (("__cudnn$conv", "convolution"), ("__cublas", "dot"))
#: What computes the multiplications of a convolution.
_MULTIPLIES = {"convolution", "dot"}
#: The part of the traced instructions that the right program has; those of a function it calls may lack.
_NEARLY_ALL = 0.9
#: What only moves data.
_MOVES = frozenset({"transpose", "copy", "bitcast", "reshape", "reverse", "parameter", "tuple"})


@dataclass(frozen=True)
class Instruction:
    """One line of the program.

    ``op_type`` is TensorFlow's operation and ``op_name`` the path of scopes or, with JAX, of transformations
    and functions that it is from, where XLA kept them.
    """

    name: str
    opcode: str
    op_type: str
    operands: tuple[str, ...]
    calls: tuple[str, ...]
    #: Groups of a grouped convolution; 1 for any other.
    groups: int = 1
    op_name: str = ""
    #: Of the result; empty for a tuple.
    shape: tuple[int, ...] = ()
    #: Of a convolution; empty for any other.
    window: tuple[int, ...] = ()


@dataclass(frozen=True)
class Program:
    """One compiled module: its entry computation, and all computations by name."""

    entry: dict[str, Instruction]
    computations: dict[str, dict[str, Instruction]] = field(repr=False)

    def opcodes(self, name: str) -> set[str]:
        """The opcodes of an entry instruction and of all that it calls."""
        return {instruction.opcode for instruction in self._within(self.entry[name])}

    def multiplies(self, name: str) -> bool:
        """Whether an entry instruction holds a convolution or a matrix product."""
        return not _MULTIPLIES.isdisjoint(self.opcodes(name))

    def only_moves(self, name: str) -> bool:
        """Whether an entry instruction transposes and copies, and does nothing else."""
        return self.opcodes(name) - {"fusion"} <= _MOVES

    def masks(self, name: str) -> bool:
        """Whether an entry instruction keeps a diagonal and sets the rest to zero."""
        return {"iota", "compare", "select"} <= self.opcodes(name)

    def op_type(self, name: str) -> str:
        """TensorFlow's operation behind an entry instruction, or an empty string.

        XLA drops it from some instructions, the depthwise weight gradient's convolution among them:
        then it is that of the nearest instruction that uses the result, else that of the nearest
        operand.
        """
        return self._said(name, attrgetter("op_type"))

    def op_name(self, name: str) -> str:
        """The path behind an entry instruction, found like :meth:`op_type`."""
        return self._said(name, attrgetter("op_name"))

    def multiplication(self, name: str) -> Instruction | None:
        """The first convolution or matrix product that an entry instruction is or calls."""
        inside = self._within(self.entry[name])
        return next((found for found in inside if found.opcode in _MULTIPLIES), None)

    def _said(self, name: str, what: Callable[[Instruction], str]) -> str:
        def own(one: str) -> str:
            return next(filter(None, map(what, self._within(self.entry[one]))), "")

        operands = {other: instruction.operands for other, instruction in self.entry.items()}
        return own(name) or self._nearest(name, self._users, own) or self._nearest(name, operands, own)

    def _nearest(
        self, name: str, neighbours: Mapping[str, Collection[str]], own: Callable[[str], str]
    ) -> str:
        seen, row = {name}, [name]
        while row:
            row = [other for each in row for other in neighbours.get(each, ()) if other not in seen]
            row = [other for other in dict.fromkeys(row) if other in self.entry]
            seen.update(row)
            found = next(filter(None, map(own, row)), "")
            if found:
                return found
        return ""

    @cached_property
    def _users(self) -> dict[str, list[str]]:
        users: dict[str, list[str]] = {}
        for instruction in self.entry.values():
            for operand in instruction.operands:
                users.setdefault(operand, []).append(instruction.name)
        return users

    def _within(self, instruction: Instruction) -> Iterator[Instruction]:
        """The instruction and all that it calls; each computation once, whoever calls it."""
        yield instruction
        pending, seen = list(instruction.calls), set(instruction.calls)
        while pending:
            for inner in self.computations.get(pending.pop(), {}).values():
                yield inner
                pending += [called for called in inner.calls if called not in seen]
                seen.update(inner.calls)


def parse_programs(text: str) -> list[Program]:
    """The modules in ``text``, which is what ``--xla_dump_hlo_as_text`` writes; none in foreign text."""
    modules = re.split(r"^(?=HloModule )", text, flags=re.MULTILINE)
    return [program for module in modules for program in _one(module)]


def find_program(programs: Iterable[Program], names: Collection[str]) -> Program | None:
    """The program that the instructions called ``names`` belong to: nearly all, as names recur."""
    wanted = set(names)
    found = max(programs, key=lambda program: len(program.entry.keys() & wanted), default=None)
    return found if found and len(found.entry.keys() & wanted) >= _NEARLY_ALL * len(wanted) else None


def _one(module: str) -> Iterator[Program]:
    computations: dict[str, dict[str, Instruction]] = {}
    entry = current = None
    for line in module.splitlines():
        header = _COMPUTATION.match(line)
        if header:
            current = computations.setdefault(header[2], {})
            entry = current if header[1] else entry
            continue
        instruction = _INSTRUCTION.match(line)
        if instruction and current is not None:
            name, result, opcode, rest = instruction.groups()
            target = _first(_TARGET, rest)
            opcode = next((known for start, known in _LIBRARY_CALLS if target.startswith(start)), opcode)
            current[name] = Instruction(
                name,
                opcode,
                _first(_OP_TYPE, rest),
                tuple(_OPERAND.findall(rest.split(")", 1)[0])),
                tuple(_CALLED.findall(rest)),
                int(_first(_GROUPS, rest) or 1),
                _first(_OP_NAME, rest),
                tuple(map(int, filter(None, _first(_SHAPE, result).split(",")))),
                tuple(map(int, filter(None, _first(_WINDOW, rest).split("x")))),
            )
    if entry:
        yield Program(entry, computations)


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""
