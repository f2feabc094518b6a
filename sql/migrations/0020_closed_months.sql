-- What is said of a month that is closed is what was charged: the gateway reads charges for its reports and the billing APIs.

GRANT SELECT ON billing.period, billing.charge TO tollgate_gateway;
