"""Figures of Qi et al., *Towards the Training of Deeper Predictive Coding Neural Networks*."""
