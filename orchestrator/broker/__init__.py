"""Celery alone lives here: the app, fan-out, the analysing Celery task, the recorder, the sweep.

A worker process has three kinds of threads. Celery's event loop receives and acknowledges messages
(``consumer``). The recorder's thread claims job tasks and writes outcomes, many in one commit (``recorder``).
The pool's threads run what was claimed (``pool``, ``analyse``). ``docs/decisions/0002-recorder.md`` says why.
"""
