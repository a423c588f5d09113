-- Writes one audit event that comes with no change of a record, once however
-- often it is sent.
--
-- KEYS  1 events  2 receipt
-- ARGV  1 event  2 milliseconds that the receipt lives
--
-- Returns the event's id.

local id = redis.call('GET', KEYS[2]) or redis.call('XADD', KEYS[1], '*', 'e', ARGV[1])
redis.call('SET', KEYS[2], id, 'PX', ARGV[2])
return id
