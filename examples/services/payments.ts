import { common } from './common.js'
import { sendJson, startService } from './service.js'
import type { Responses, Call, Service } from './service.js'

const responses: Responses = {
  ...common,
  'GET /invoices': invoices
}

export function startPayments (port = 3002): Promise<Service> {
  return startService('payments', responses, port)
}

function invoices ({ name, response }: Call): void {
  sendJson(response, 200, {
    service: name,
    invoices: [{ id: 'INV-1', amount: 1250, currency: 'EUR', paid: true }, { id: 'INV-2', amount: 9900, currency: 'EUR', paid: false }]
  })
}
