"""What runs inside a sandbox beside Python code: loads one revision and answers over the link."""
