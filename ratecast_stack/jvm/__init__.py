"""Apache Kafka on the JVM: jars, nodes, and a cluster of nodes."""
