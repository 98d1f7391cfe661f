"""The paper's Figure 3: rate and distortion of real files beside published curves; see __main__.py."""
