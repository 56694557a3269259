"""What each contender does in its own process: functions from a case to a :class:`Prepared`.

A module here imports its framework inside its functions, so that an absent one costs nothing.
"""
