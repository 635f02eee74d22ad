"Sphinx's settings for the site; tools/build_site.py makes the pages and calls it."
project = 'fer_nb'
author = 'the fer_nb authors'
copyright = '2026 onwards, the fer_nb authors'
extensions = ['myst_nb', 'sphinx.ext.mathjax']
nb_execution_mode = 'off'  # what is committed is shown
nb_ipywidgets_js = {}  # no kernel, so nothing to fetch
nb_merge_streams = True
nb_code_prompt_show = 'Show the code'
nb_code_prompt_hide = 'Hide the code'
myst_enable_extensions = ['amsmath', 'colon_fence', 'dollarmath']
myst_heading_anchors = 6
html_theme = 'furo'
html_title = 'fer_nb'
html_static_path = ['_static']
html_extra_path = ['extra']
html_css_files = ['fer_nb.css']
html_copy_source = False
html_show_sourcelink = False
html_show_search_summary = False  # would fetch pages, which a page that is a file may not
mathjax3_config = {
    'loader': {'load': ['[tex]/textmacros']},  # \\& within \\text
    'tex': {'packages': {'[+]': ['textmacros']}},
}
mathjax_path = 'mathjax/tex-chtml.js'
python_maximum_signature_line_length = 80
python_use_unqualified_type_names = True
suppress_warnings = [
    'ref.python',  # two rooms may have a class of the same name
    'misc.highlighting_failure',  # a cell that is no plain Python, as one that begins with %%time
    'myst.header',  # a notebook that goes from # to ###
]
