"""From budgets to findings: what to build and measure, in which process, and what is cached."""
