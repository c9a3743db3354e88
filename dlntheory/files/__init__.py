"""What is read and written?

Read `arrays` (safe reading, atomic writing), `weights` (networks from files and back), `builtin` (networks and data
that come with the library), and `provenance` (when numbers were computed, and by which versions).
"""
