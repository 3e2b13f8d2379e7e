"""One module a section of the page. CONTRIBUTING.md, "Add a section to the report", says how to add one."""
