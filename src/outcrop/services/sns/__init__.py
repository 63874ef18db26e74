"""Amazon SNS: topics, subscriptions by mail, function and web endpoint, publishing. FIFO topics are not built."""
