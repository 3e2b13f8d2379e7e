"""The figures of the report: one visual language, the same colour for the same thing everywhere.

Each ``draw_...`` function takes what it shows and returns a matplotlib figure. What it takes is not empty: a
``choose_...`` or ``find_...`` function beside it says what there is to show.
"""
