import { common } from './common.js'
import { sendJson, startService } from './service.js'
import type { Responses, Call, Service } from './service.js'

const responses: Responses = {
  ...common,
  'GET /users': users
}

export function startAdmin (port = 3003): Promise<Service> {
  return startService('admin', responses, port)
}

function users ({ name, response }: Call): void {
  sendJson(response, 200, {
    service: name,
    users: [{ username: 'ada', role: 'owner' }, { username: 'grace', role: 'member' }]
  })
}
