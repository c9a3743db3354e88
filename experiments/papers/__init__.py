"""Every table and figure of the papers as a row of data, and one runner for all of them.

`rows` reads the registry, the TOML files beside it; `cells` makes trainings of a row; `runner` runs them, resumes and
shares them out; `table` puts what came out beside what the papers print, and `picture` draws it.
"""
