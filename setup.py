"Package metadata, read from settings.ini; the course's notebooks and data travel inside the wheel."
from configparser import ConfigParser
from pathlib import Path
from setuptools import find_packages, setup

config = ConfigParser(delimiters=['='])
config.read('settings.ini', encoding='utf-8')
cfg = config['DEFAULT']
extras = {name: cfg[f'{name}_requirements'].split() for name in ('lab', 'faces', 'page', 'grade', 'site', 'dev')}
extras['all'] = sorted({r for name in ('lab', 'faces', 'page', 'grade') for r in extras[name]})
extras['dev'] += extras['all'] + extras['site']
lessons = sorted({p.parent for p in Path('nbs').rglob('*.ipynb') if '.ipynb_checkpoints' not in p.parts})
shipped = {'fer_nb.data_samples': 'data_samples', 'fer_nb.docs.course': 'docs/course'} | {'fer_nb.' + '.'.join(p.parts): p.as_posix() for p in lessons}

setup(
    name=cfg['lib_name'], version=cfg['version'], description=cfg['description'], keywords=cfg['keywords'],
    author=cfg['author'], author_email=cfg['author_email'], license='Apache-2.0', url=cfg['git_url'],
    classifiers=['Development Status :: 3 - Alpha', f"Intended Audience :: {cfg['audience']}",
                 'Programming Language :: Python :: 3', 'Topic :: Scientific/Engineering :: Artificial Intelligence'],
    packages=find_packages(include=['fer_nb*']) + list(shipped), package_dir=shipped,
    package_data={'fer_nb': ['static/*', 'py.typed'], 'fer_nb.data_samples': ['*'], 'fer_nb.docs.course': ['*'], **{f'fer_nb.{".".join(p.parts)}': ['*.ipynb', 'images/*'] for p in lessons}},
    install_requires=cfg['requirements'].split(), extras_require=extras, python_requires=f">={cfg['min_python']}",
    long_description=Path('README.md').read_text(encoding='utf-8'), long_description_content_type='text/markdown',
    entry_points={'console_scripts': ['fer_nb=fer_nb.cli:main'], 'nbdev': [f"{cfg['lib_name']}={cfg['lib_path']}._modidx:d"]},
    zip_safe=False,
)
