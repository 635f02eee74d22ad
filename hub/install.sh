#!/bin/sh
# Installs the course into a Python environment:
#     sudo -E sh hub/install.sh /opt/tljh/user      # The Littlest JupyterHub's environment for users
set -eu
env=${1:?the environment: a folder with bin/python in it}
here=$(dirname "$0")
# The CPU build of PyTorch: no gigabytes of CUDA's libraries on the disk and in every kernel.
# TORCH_INDEX="" takes what PyPI has, which is the build for GPUs on Linux.
index=${TORCH_INDEX-https://download.pytorch.org/whl/cpu}
pip="$env/bin/python -m pip install --no-cache-dir"
if [ -z "$index" ] || ! $pip --index-url "$index" torch torchvision; then $pip torch torchvision; fi
$pip "$here/..[lab]"
mkdir -p "$env/etc/jupyter"
cp "$here/jupyter_server_config.py" "$env/etc/jupyter/jupyter_server_config.py"
