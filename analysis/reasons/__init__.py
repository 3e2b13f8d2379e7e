"""Why a comparison has its ratio: factors, operations and findings."""
