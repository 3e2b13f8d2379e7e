"""The figures of the report: one visual language, the same colour for the same thing everywhere.

Each ``draw_...`` function takes a table and returns a matplotlib figure, or ``None`` where the table has
nothing to show.
"""
