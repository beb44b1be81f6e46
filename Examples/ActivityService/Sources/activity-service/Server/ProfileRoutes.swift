import Hummingbird
import MemwhyService

/// `GET /debug/pprof/heap` and its relatives: where the service's memory was allocated.
enum ProfileRoutes {
  static func add(to router: Router<BasicRequestContext>) {
    // "**" stands for one part of a path and more: the list of what there is has none.
    for path: RouterPath in ["debug/pprof", "debug/pprof/**"] {
      router.get(path) { request, _ -> Response in
        let answer = await MemwhyService.response(path: request.uri.path, query: request.uri.query ?? "")
        return Response(
          status: HTTPResponse.Status(code: answer.status), headers: [.contentType: answer.contentType],
          body: ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body)))
      }
    }
  }
}
