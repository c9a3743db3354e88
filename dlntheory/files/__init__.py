"""What is read and written?

Read `arrays` (safe reading, atomic writing), `weights` (networks from files and back), and `builtin` (networks and data
that come with the library).
"""
