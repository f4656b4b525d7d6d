"""Runs pipelines that were published to Azure ML: what a cluster would do, on this machine.

`pipeline_run` takes a job's steps in order; `definition` is what the job and its components say, `data` brings folders
from Blob Storage and back, `node` is the machine a step finds itself on. `parallel_step` hands out mini-batches to
processes that run `parallel_worker`. A step sees no more than a cluster's would: the uploaded code, installed packages,
its inputs and outputs as folders, its identity. The image is not pulled: this interpreter's packages stand for it.
"""
