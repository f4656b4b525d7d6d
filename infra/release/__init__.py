"""What happens after the resources exist: database users, and all that makes a deployed system a running one."""
