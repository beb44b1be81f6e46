import Hummingbird
import MemwhyService

/// `GET /debug/pprof/heap` and its relatives: where the service's memory was allocated.
enum ProfileRoutes {
  static func add(to router: Router<BasicRequestContext>) {
    router.get("debug/pprof/**") { request, _ -> Response in
      let answer = await MemwhyService.response(path: request.uri.path, query: request.uri.query ?? "")
      return Response(
        status: HTTPResponse.Status(code: answer.status), headers: [.contentType: answer.contentType],
        body: ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body)))
    }
  }
}
