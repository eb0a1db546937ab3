namespace cpp nuncio_bench

struct Request {
  1: i32 a
  2: i32 b
  3: string s
}
struct Reply {
  1: i32 sum
  2: string s
}
service Echo {
  Reply unary(1: Request request)
}
