"""The paper's analyses, a folder each: what one consists of is said in `reportgen.analyses.base`."""
