"""Historical rates: tables from files and topics, and the screening of rates that look faulty."""
