"""What to look for in a traced layer, one detector a reason.

A detector speaks only where the evidence is there: the operation in the trace, the implementation in
oneDNN's log, the instruction in XLA's program.
"""
