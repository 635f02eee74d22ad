"""What a JupyterHub needs to know about the course.

The Littlest JupyterHub: copy it to /opt/tljh/config/jupyterhub_config.d/fer_nb.py. Any other hub:
load_subconfig("…/hub/jupyterhub_config.py") in its own configuration."""

c = get_config()  # noqa: F821

c.Spawner.default_url = "/lab/tree/fer_nb_course/labs/wild_mnist.ipynb"
c.Spawner.environment = {"FER_NB_DEVICE": "cpu"}  # "auto" where every student has a GPU
# Kept by spawners that can: systemd (The Littlest JupyterHub), Docker, Kubernetes.
c.Spawner.mem_limit = "2G"  # one server and two kernels of lab 1
c.Spawner.cpu_limit = 1

# A lesson begins with everybody at once: let them wait in a line instead of failing.
c.JupyterHub.concurrent_spawn_limit = 10
c.Spawner.start_timeout = 300
c.Spawner.http_timeout = 120
