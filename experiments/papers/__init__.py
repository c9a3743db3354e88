"""Every table and figure of the papers as a row of data, and one runner for all of them.

`rows` reads the registry, the TOML files beside it, and `blocks` the tables in them; a `row` says which options its
cells have, and `cells` makes their trainings, after `own_code` has run the file that registers algorithms of one's own;
`runner` runs them, resumes and shares them out; `measures` and `theory`
make numbers of a training, and `reconstructed` keeps what it makes of test pictures; `table` puts them beside what the
papers print, and `picture`, `curves_picture` and `reconstruction_picture` draw them. `figure_table` puts the numbers of
rows that are figures there.
"""
