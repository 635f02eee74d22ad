"""A student's own Jupyter server on a machine that others share: the course, threads, memory, rest.

Goes to <environment>/etc/jupyter/, where every server of the environment reads it: under a
JupyterHub, in the container and without either."""
import os
from pathlib import Path

from fer_nb.course import copy_course

c = get_config()  # noqa: F821

# Kernels inherit what stands here; what the teacher has set before stays.
for name, value in {
    "FER_NB_DEVICE": "cpu",  # auto: trainings take the GPU, if there is one
    "OMP_NUM_THREADS": "1",  # sixty kernels with a thread per core each only wait for one another
    "MALLOC_ARENA_MAX": "2",  # memory that one thread has freed is there for the next
}.items():
    os.environ.setdefault(name, value)

# A kernel that has said nothing for 20 minutes ends; one with an open, playing theatre does not.
c.MappingKernelManager.cull_idle_timeout = 20 * 60
c.MappingKernelManager.cull_interval = 60
c.MappingKernelManager.cull_connected = True
# A server without a kernel for an hour ends, too; the hub starts it again when it is asked for.
c.ServerApp.shutdown_no_activity_timeout = 60 * 60

# The students' copy, without solutions; a file that is there stays as it is.
copy_course(Path.home() / "fer_nb_course")
