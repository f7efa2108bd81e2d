//! Conditions other than linearizability: sessions, convergence, and what must hold of sets, queues, banks and logs.
