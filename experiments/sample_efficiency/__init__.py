"""The figures of Oliviers, Lominadze and Bogacz, *Understanding Sample Efficiency in Predictive Coding*.

They are made of panels (`panels`), one file per figure, and one per study that panels draw.
"""
