"""The paper's analyses, one folder each; `reportgen.analyses.base` says what an analysis consists of."""
