"""Pages for a browser: a report that is one file, and an explorer with sliders.

Read `distributions`, `random_draws`, `settling`, `findings`, `charts`, `render`, `report`; then `answers`, `explorer`.
"""
