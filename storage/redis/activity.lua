-- Adds to how much tokens were used. All keys share a hash tag.
--
-- KEYS  1 receipt  2… for each entry, the token's record and its activity
-- ARGV  1 lifetime of the receipt  2 lifetime of the activity, both in milliseconds
--       3 oldest day that is kept
--       4… for each entry: day, requests, denials, bytes
--
-- A token's activity is a text such as "20784 12 0 3456,20783 7 1 89": the newest day,
-- which most entries are about, comes first.
--
-- Returns 1.

local done = redis.call('GET', KEYS[1])
if done then
	redis.call('SET', KEYS[1], done, 'PX', ARGV[1]) -- see apply.lua
	return 1
end
redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])

local one = '(%d+) (%d+) (%d+) (%d+)'

local function sum(i, day, requests, denials, bytes)
	return string.format('%s %.0f %.0f %.0f', day, requests + ARGV[i + 1], denials + ARGV[i + 2], bytes + ARGV[i + 3])
end

for i = 4, #ARGV, 4 do
	local record, activity = KEYS[i / 2], KEYS[i / 2 + 1]
	if redis.call('EXISTS', record) == 1 then
		local kept = redis.pcall('GET', activity)
		if type(kept) ~= 'string' then
			kept = '' -- there is none, or it is damaged
		end
		local day, requests, denials, bytes, rest = string.match(kept, '^' .. one .. '(.*)$')
		if day == ARGV[i] then
			kept = sum(i, day, requests, denials, bytes) .. rest
		else
			local days = { { tonumber(ARGV[i]), sum(i, ARGV[i], 0, 0, 0) } }
			for day, requests, denials, bytes in string.gmatch(kept, one) do
				if day == ARGV[i] then
					days[1][2] = sum(i, day, requests, denials, bytes)
				elseif tonumber(day) >= tonumber(ARGV[3]) then
					days[#days + 1] = { tonumber(day), table.concat({ day, requests, denials, bytes }, ' ') }
				end
			end
			table.sort(days, function(a, b) return a[1] > b[1] end)
			for j = 1, #days do
				days[j] = days[j][2]
			end
			kept = table.concat(days, ',')
		end
		redis.call('SET', activity, kept, 'PX', ARGV[2])
	end
end
return 1
