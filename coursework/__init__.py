"""Assessed coursework: release an assignment, mark what comes back, export the marks.

Run from the top of the repository: ``python -m coursework --help``. The README beside this file
tells a teacher how. nbgrader provides the form of assignments, the gradebook and hand marking.
Ours are the sandbox in which a student's code runs, and the judging, which happens outside it.

=================  ===============================================================================
:mod:`.cli`        the three commands
:mod:`.course`     the folder of a course and its settings
:mod:`.assignment` an assignment: its master notebook and its questions
:mod:`.questions`  a question: hidden inputs, the reference, points for each part
:mod:`.judge`      a student's values against the reference, in the grading process
:mod:`.release`    the student's version, without solutions
:mod:`.rebuild`    the teacher's notebook with the student's answers put in
:mod:`.sandbox`    the command that shuts a kernel in
:mod:`.kernel`     one kernel: run a cell, within limits of time, memory and output
:mod:`.outputs`    what a kernel sends: clipped and cleaned
:mod:`.runner`     one submission: run it to the end, whatever it does
:mod:`.pool`       all submissions, in parallel; goes on after an interruption
:mod:`.gradebook`  marks and penalties into nbgrader's gradebook
:mod:`.export`     mark list and feedback pages
:mod:`.pages`      students' texts as pages that run no scripts
=================  ===============================================================================
"""
