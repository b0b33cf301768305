"""What is wrong with this device, and how loud its microphone should be: for people, on demand."""
