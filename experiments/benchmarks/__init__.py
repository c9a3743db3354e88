"""Speed, accuracy and import time of the library, against its bars: ``python -m experiments.benchmarks``."""
