import { Count, Default, Duration, List, OneOf, Optional, Section, Text } from './kinds.js'

const HEALTH = 'must be an object such as { "path": "/health" }'

/** How the targets of an upstream are checked. */
export const Health = Section(
  'Ask each target again and again whether it is well. The first check of a target decides at once; requests go to those that are well.', {
    type: Default('http', OneOf(
      'What is asked: a GET over `"http"`, `"grpc"`\'s health protocol (`grpc.health.v1.Health/Check`), or whether a connection comes about (`"tcp"`, over `https` with the handshake).',
      ['http', 'grpc', 'tcp'])),
    path: Optional(Text('Of `"http"`, where it is required: what is asked for. The base path of the target does not stand before it.', {
      pattern: /^\/[!"$-~]*$/, examples: ['/health'], errorMessage: 'must be a path such as "/health": in ASCII, without white space and "#"'
    })),
    service: Optional(Text('Of `"grpc"`: the service that is asked for.', {
      pattern: /^[!-~]+$/, examples: ['shop.Payments'], errorMessage: 'must be the name of a gRPC service such as "shop.Payments"'
    }), 'the server as a whole'),
    host: Optional(Text('Of `"http"` and `"grpc"`: the Host that is asked for.', {
      format: 'authority', examples: ['health.internal'], errorMessage: 'must be a host name such as "health.internal"'
    }), 'that of the target'),
    interval: Default('5s', Duration('From one check of a target to the next, give or take a tenth. One that takes longer is not doubled.')),
    timeout: Default('2s', Duration('How long a check may take: the connection, TLS, and the head of the response.')),
    healthyAfter: Default(2, Count('After how many checks in a row a target is well again.', { least: 1 })),
    unhealthyAfter: Default(3, Count('After how many failed checks in a row a target gets no more requests.', { least: 1 })),
    expect: Optional(List('Of `"http"`: the statuses of a target that is well.', Count('A status.', { least: 200, most: 599 }), {
      minItems: 1, typeName: 'list of statuses', examples: [[200, 204]], errorMessage: 'must be a list of statuses such as [200, 204]'
    }), '200 to 399')
  }, { errorMessage: HEALTH })
