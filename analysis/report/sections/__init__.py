"""One module a section of the page. To add a section:

1. Write a module here with ``build_section(study, renderer) -> Section`` (``build_sections`` for several).
2. Write its template in ``templates/sections``: what stands below the heading, from ``content``.
3. Add its line to the list in ``analysis.report.build.build_sections``, where the page shall have it.
4. Give the section its ``tables``, ``figures`` and ``sentences``, and the command it is ``added_by``, if any.
5. Add a test of what a reader sees; ``tests/analysis/report/test_sections.py`` shows a section being added.
"""
