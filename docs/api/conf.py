"""Sphinx: API pages of every module of rec_jax from its docstrings; `make docs` writes them to build/docs."""

from rec_jax.version import __version__

project = "rec_jax"
author = copyright = "The rec_jax authors"
version = release = __version__
extensions = ["sphinx.ext.apidoc", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
apidoc_modules = [{"path": "../../rec_jax", "destination": "modules", "separate_modules": True, "module_first": True}]
exclude_patterns = ["modules/modules.rst"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
html_theme = "alabaster"
suppress_warnings = ["docutils"]  # docstrings are plain text first; what they say of x* or |x| is no markup
