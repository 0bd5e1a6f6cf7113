"""Apache Kafka on the JVM: its jars, its nodes, one cluster of them."""
