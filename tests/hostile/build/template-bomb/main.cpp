template <int N, int M> struct A { static const int v = A<N - 1, M>::v + A<N - 1, M + (1 << N)>::v; };
template <int M> struct A<0, M> { static const int v = M; };
int main() { return A<24, 0>::v; }
