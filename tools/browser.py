"Make sure the browser tests find a Chromium: the system's, or Debian's package, or Playwright's own download."
import os, shutil, subprocess, sys

names = ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable')
if not any(map(shutil.which, names)):
    if shutil.which('apt-get') and os.geteuid() == 0:
        subprocess.run(['apt-get', 'update', '-qq'], check=True)
        subprocess.run(['apt-get', 'install', '-y', '-qq', 'chromium'], check=True)
    elif subprocess.run([sys.executable, '-m', 'playwright', 'install', 'chromium']).returncode:
        print('No Chromium found and none could be installed: the browser tests will be skipped.', file=sys.stderr)
