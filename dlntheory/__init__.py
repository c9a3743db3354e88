"""Analytical theory of deep linear networks: backpropagation and predictive coding.

The public names are listed in `__init__.pyi`, and imported when they are first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__version__ = "0.2.0.dev0"
