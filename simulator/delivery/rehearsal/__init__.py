"""A full dress rehearsal on one machine: deploy, run what was deployed, change it, run that, and remove everything."""
